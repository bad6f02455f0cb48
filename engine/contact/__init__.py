"""Have we said it too often? Contact policies over the interaction history, at the end of the journey."""

"""Learn, with several ways of learning at once: who foresees this stream best is found out by itself.

Which step rule, which prior and which columns suit a stream differs from stream to stream. So river's
hierarchical logistic regression (`engine.learning.weights`) is one expert among several: beside it stand
diagonal online Laplace approximations (`panel`), which river has not, over the same columns and, some
of them, over `details`: bins of numbers (`bins`) and single values of open categories. A `mixture`
believes each as far as it has been right, and keeps the sum calibrated. Every expert is linear in the
same columns, so the mixture is too: an offer is still scored in one pass.
"""

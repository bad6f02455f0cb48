"""Tools of the project itself: the wire code generator, brokers to test against."""

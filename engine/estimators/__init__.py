"""Estimators: the classifiers of river that a rule book may set over some of its actions."""

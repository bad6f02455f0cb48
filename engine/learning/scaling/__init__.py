"""Encoding: numbers of any magnitude, standardised as they come.

A `scaler` keeps the mean and the deviation of each number. What is done once for every number of a
customer is written twice (`loops`): in C (`engine/native/loops.c`), and in plain Python (`plain`).
"""

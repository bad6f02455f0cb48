"""Learn: numbers' ranges cut into bins where their values are; each bin has weights of its own.

What is done once for every number of a customer is written twice (`loops`): in C
(`engine/native/loops.c`), and in plain Python (`plain`).
"""

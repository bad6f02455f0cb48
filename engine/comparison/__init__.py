"""Comparison: what another rule book would mean for many customers, before it goes live.

Customers come as frames (`customers`, `traffic`), get the columns both books read (`layout`), are
judged by the conditions of both (`judgement`), pass the rules or not (`funnel`), compete (`ranking`),
and are counted (`tally`); `people` tells it in one function.
"""

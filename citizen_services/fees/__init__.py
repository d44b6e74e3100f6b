"""Fees (收费): orders, payment through one port, refunds, reconciliation. An order carries an opaque ``duty``.

What is owed and what follows from a payment is the business of the rooms above; this one never loses money and does
nothing twice.
"""

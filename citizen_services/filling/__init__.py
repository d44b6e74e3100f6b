"""Filling in an application, page by page, for every door: what is shown, kept, asked of registers, brought, and sent.

A door says who acts for whom, where its pages are and how they look (``place.Place``); all else is the same for all.
"""

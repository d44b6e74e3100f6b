"""Materials (材料): photos of papers, for what no register supplies.

Judged by their header, decoded apart, kept encrypted, and used again between a person's cases.
"""

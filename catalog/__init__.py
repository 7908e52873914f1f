"""Goods: shops, products, SKUs, stock, price history, categories and industrial belts (产业带).

Stock moves only by the guarded statements of `catalog.stock`.
It knows nothing of rooms, campaigns or orders.
"""

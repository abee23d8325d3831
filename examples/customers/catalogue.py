"""What the shop sells: two merchandise lines, each by ascending price in cents."""

from __future__ import annotations

from typing import NamedTuple


class Product(NamedTuple):
    sku: str
    name: str
    cents: int


MENSWEAR = (
    Product("M-1003", "Boot Laces, Waxed (3 pairs)", 800),
    Product("M-1011", "Merino Hiking Socks", 1400),
    Product("M-1018", "Cotton Bandana “Fjord”", 1600),
    Product("M-1024", "Pocket T-Shirt", 1950),
    Product("M-1027", "Henley, Short Sleeve", 2400),
    Product("M-1033", "Canvas Belt", 2800),
    Product("M-1040", "Waxed Cotton Cap", 3200),
    Product("M-1046", "Piqué Polo", 3450),
    Product("M-1052", "Chambray Work Shirt", 4200),
    Product("M-1057", "Oxford Shirt, Button-Down", 4650),
    Product("M-1061", "Linen-Blend Shorts with Drawstring and Side Pockets", 4800),
    Product("M-1068", "Twill Chinos", 5400),
    Product("M-1070", "Men's Five-Pocket Corduroys", 5900),
    Product("M-1075", "Selvedge Jeans", 7450),
    Product("M-1082", "Cable-Knit Fisherman Sweater", 8400),
    Product("M-1088", "Quilted Vest", 8900),
    Product("M-1093", "Weekend Duffel, Canvas & Leather", 11500),
    Product("M-1097", "Camp Moccasins, Hand-Sewn in Maine", 12400),
    Product("M-1104", "Field Jacket", 14800),
    Product("M-1109", "Waxed Cotton Rain Jacket with Detachable Hood", 17900),
    Product("M-1115", "Harris Tweed Blazer – Half-Lined", 24900),
    Product("M-1121", "Chelsea Boots", 26500),
    Product("M-1130", "Down Expedition Parka, −20 °F", 39500),
    Product("M-1142", "Shearling Aviator Jacket", 69500),
)

WOMENSWEAR = (
    Product("W-2002", "Hair Ties, Silk (5 pieces)", 900),
    Product("W-2009", "Ankle Socks, Pima Cotton", 1200),
    Product("W-2015", "Printed Bandana", 1500),
    Product("W-2021", "Scoop-Neck Tee", 1950),
    Product("W-2026", "Ribbed Tank", 2100),
    Product("W-2034", "Straw Sun Hat", 2900),
    Product("W-2039", "Lambswool Scarf", 3400),
    Product("W-2047", "Breton Stripe Top", 3800),
    Product("W-2053", "Linen Shirt", 4500),
    Product("W-2058", "Crêpe Blouse", 5200),
    Product("W-2062", "Pleated Midi Skirt", 5800),
    Product("W-2067", "Women's Straight-Leg Cords", 5900),
    Product("W-2071", "Wrap Dress “Zoé”, Machine-Washable Jersey", 6800),
    Product("W-2078", "High-Rise Jeans", 7450),
    Product("W-2083", "Cashmere-Blend Cardigan", 8900),
    Product("W-2089", "Quilted Barn Coat", 9800),
    Product("W-2094", "Market Tote, Canvas & Leather", 10500),
    Product("W-2098", "Ballet Flats, Nappa", 11900),
    Product("W-2103", "Trench Coat", 15800),
    Product("W-2110", "Riding Boots", 21900),
    Product("W-2117", "Merino Wrap Coat with Belt and Hidden Pockets", 27500),
    Product("W-2124", "Down Coat, Knee-Length, −10 °F", 36500),
    Product("W-2131", "Silk Evening Gown", 48500),
    Product("W-2140", "Shearling Coat", 72500),
)

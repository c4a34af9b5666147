// A tag manager that comes after kabin.js.
"use strict";

window.dataLayer = window.dataLayer || [];
dataLayer.push({ event: "view_cart", ecommerce: { items: [{ item_id: "K0003" }] } });

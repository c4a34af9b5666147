"""How a training's report looks: a page for a browser."""

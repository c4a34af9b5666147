"""Small plots as inline SVG: no library, no request, readable by a screen reader, printable in black and white."""

"""The storefront script: TypeScript sources in ``src/``, what is built from them in ``built/``, and its loading."""

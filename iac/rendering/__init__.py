"""Templates and credentials in, the bytes of a file out. What a template may read is in `context`, how in `quoting`.

Importing this package or `template` costs nothing; `render` brings in Jinja2.
"""

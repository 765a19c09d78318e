"""Templates and credentials in, the bytes of a file out. What a template may read is in `context`, how in `filters`.

Importing this package, `template` or `renderer` costs nothing; `engine` brings in Jinja2.
"""

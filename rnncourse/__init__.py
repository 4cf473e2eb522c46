"""Companion package of the course on recurrent networks.

Importing it loads nothing but the version; each sub-package loads what it needs.
"""

__version__ = "0.1.0"

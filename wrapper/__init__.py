"""The wrapper job: what runs in a slot, asks for work, runs a jobscript and brings its outputs home.

It needs nothing but the standard library of Python 3.6 or later, and stands alone: it imports nothing of the server.
"""

__version__ = "1.0.0"

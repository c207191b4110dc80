"""What can go wrong with a grid, each with a message that a person can act on."""


class GridError(Exception):
    """The grid could not do what was asked."""


class ComponentError(GridError):
    """A component of the grid did not start, or did not become ready in time."""


class NoGridError(GridError):
    """There is no grid in this directory."""

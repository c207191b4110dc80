"""`python -m justin` is the command `justin`."""

from justin.cli import main

if __name__ == "__main__":
    main()

"""How fast the package is beside its peers: run by hand with `make bench`, never by the tests' clock."""

"""Which Lehr this is, as its package says too.  Asking the installation for it takes 20 ms of every plan."""

VERSION = "0.1.0"

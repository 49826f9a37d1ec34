"""The tabs, a file each. ``registry`` lists them."""

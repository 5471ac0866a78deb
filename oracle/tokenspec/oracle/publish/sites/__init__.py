"""Tables and pictures of the declared account in sites that other programs build."""

"""Which running trials are worth finishing: plain Python that is told and asked, without Ray."""

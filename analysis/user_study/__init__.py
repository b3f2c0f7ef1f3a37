"""The user study: blinded pairs of moving skeletons for raters, and what their answers say."""

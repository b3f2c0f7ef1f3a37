"""Motion: readers, skeletons, parts, features, the data set that trials share. No torch."""

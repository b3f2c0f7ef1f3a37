"""Motion: readers, skeletons, parts, features and the data set that trials share. Knows no torch."""

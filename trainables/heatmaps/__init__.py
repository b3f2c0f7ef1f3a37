"""Motion as heatmaps on the device that trains, and what reconstructions of them are worth.

`dataset.prepare_heatmaps` reads motion once and gives windows; `HeatmapData.pair` draws one, as
input and target; `scores.score_window` and `scores.floors` score. What a specification may say is
`search_spaces.heatmaps`.
"""

"""What several pages show: the map's canvas and its routes, charts, samples, selections, words."""

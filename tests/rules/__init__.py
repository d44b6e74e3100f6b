"""The rules: vectors of their sources, boundaries row by row, and properties over all inputs."""

"""Search that uses the exactly known rate: model, acquisition, searcher."""

"""Study item-hardness: how hard each item is for a model."""

"""Study family world map: a transformer learns a map that it is never shown (Park 2026)."""

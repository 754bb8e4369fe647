"""A site copied whole while it works, and brought back: database, files of models, and a manifest that names each."""

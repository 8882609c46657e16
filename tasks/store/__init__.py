"""The ground floor: object storage, tables, the batch log, the one commit, the views, recorded choices."""

"""The rules that ship with the converter, as data: ``*.yaml`` and the schema that they are checked against."""

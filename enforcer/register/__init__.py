"""The register as people and HR systems write it: changes, import, reading."""

"""Radiographs out of a DICOM archive, results back into it, over DICOMweb (see docs/archive.md).

Importing a module of it needs the package dicomweb-client.
"""

"""Live video: ingest, parts for every viewer, recordings. docs/video.md tells how it hangs together."""

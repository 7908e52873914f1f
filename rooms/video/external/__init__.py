"""Live video through a media server that is not ours: nginx-rtmp, SRS or MediaMTX. docs/video.md has how they are set up."""

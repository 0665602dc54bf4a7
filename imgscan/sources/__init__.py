"""Where an image comes from: one file per source. To add one: write its file, add its line to SOURCES."""

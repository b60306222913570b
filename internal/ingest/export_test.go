package ingest

// Chunk is how many records SubmitAll makes one submission of.
var Chunk = chunk

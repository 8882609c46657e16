"""What a picture is: pixels, EXIF, measures, hashes, thumbnail. On the ground floor, beside the store."""

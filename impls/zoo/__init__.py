"""Historical bugs as implementations, one small file each: correct, but for the cause that the file is named after."""

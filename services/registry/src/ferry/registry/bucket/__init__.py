"""The bucket `ferry-registry`: records by key, lists of them, reserved ids."""

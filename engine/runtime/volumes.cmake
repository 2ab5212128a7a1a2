# What an image has at the place of a volume, copied into it.
wolffia_library(wolffia_volume_fill SOURCES volume_fill.cc LINK wolffia_remove_tree wolffia_lower_source)
# Volumes with changes of their own: the CLI names their directories, the monitor makes them.
wolffia_library(wolffia_fresh_overlays SOURCES fresh_overlays.cc LINK wolffia_remove_tree)

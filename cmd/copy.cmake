target_sources(wolffia-image PRIVATE dispatch_image_copy.cc)

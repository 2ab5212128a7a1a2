# Volumes and secrets.
target_sources(wolffia_storage PRIVATE secret_store.cc volume_record.cc volume_store.cc)

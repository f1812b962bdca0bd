//! Creates generated objects through the API server.

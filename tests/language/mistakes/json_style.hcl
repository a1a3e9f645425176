{
  "workflow": {
    "daily": {}
  }
}

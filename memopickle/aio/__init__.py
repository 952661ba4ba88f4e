"""Caching of ``async def`` functions, for asyncio and trio."""

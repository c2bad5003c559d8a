"""Calendars: events, repetitions, invitations."""

"""Faults on request: what EC2 does to its customers on a bad day, when a test asks for it.

    fault.py      Call and Fault: one thing that goes wrong; read from JSON, every mistake named
    registry.py   Faults: those set now; the API and the model ask it what to do
    calls.py      an HTTP request -> service, action, parameters
    profiles.py   sets of faults with a name: like-aws
    client.py     the same from another process, through the endpoint /hubsmith/faults (server/fault_control.py)

They are kept in the server's memory only: a restart of the server clears them.
"""
